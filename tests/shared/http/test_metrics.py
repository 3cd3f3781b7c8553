"""Prometheus metrics of an app."""

from prometheus_client import Gauge, generate_latest

from shared.http.metrics import Metrics


def test_responses_and_errors_are_counted_by_route() -> None:
    metrics = Metrics(lambda: 3)

    metrics.count("POST", "/inference/", 200, 0.05)
    metrics.count("POST", "/inference/", 200, 2)
    metrics.count_error("/inference/", "missing")

    text = generate_latest(metrics.registry).decode()
    assert 'http_requests_total{method="POST",route="/inference/",status="200"} 2.0' in text
    assert 'http_errors_total{code="missing",route="/inference/"} 1.0' in text
    labels = 'le="0.1",method="POST",route="/inference/"'
    assert f"http_request_seconds_bucket{{{labels}}} 1.0" in text


def test_queue_length_is_read_when_it_is_asked_for() -> None:
    waiting = [1]
    metrics = Metrics(lambda: waiting[0])
    waiting[0] = 5
    assert metrics.registry.get_sample_value("queue_length") == 5


def test_apps_of_one_process_count_apart_and_add_their_own() -> None:
    own = Gauge("jobs_waiting", "Jobs that wait", registry=None)
    own.set(4)
    first, second = Metrics(lambda: 0, [own]), Metrics(lambda: 0)

    first.count("GET", "/check", 200, 0.01)

    labels = {"method": "GET", "route": "/check", "status": "200"}
    assert first.registry.get_sample_value("http_requests_total", labels) == 1
    assert second.registry.get_sample_value("http_requests_total", labels) is None
    assert first.registry.get_sample_value("jobs_waiting") == 4
    assert second.registry.get_sample_value("jobs_waiting") is None
