"""The manifests of deploy/kubernetes: valid, and in agreement with the code and the image."""

import json
import re
import shlex
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from encoder_service import app as encoder_app
from shared.services import SERVICES, all_apps
from tests.conftest import REPOSITORY
from tests.test_import_rules import SETTINGS

KUBERNETES = REPOSITORY / "deploy/kubernetes"
APPS = [*SERVICES, "gateway"]
OVERLAYS = ["base", "overlays/small", "overlays/full-size", "overlays/queue-length"]
VERSION = "1.31"  # a bundled schema; the sleep of preStop is on by default since 1.30
DOCKERFILE = (REPOSITORY / "Dockerfile").read_text()
NAME = "app.kubernetes.io/name"
BENCHMARKS = (REPOSITORY / "docs/benchmarks.md").read_text()

Manifest = dict[str, Any]


@cache
def built(overlay: str) -> tuple[Manifest, ...]:
    """The manifests that Kustomize makes of a folder."""
    if shutil.which("kustomize"):
        command = ["kustomize", "build"]
    elif shutil.which("kubectl"):
        command = ["kubectl", "kustomize"]
    else:
        pytest.skip("neither kustomize nor kubectl on the PATH")
    done = subprocess.run(
        [*command, KUBERNETES / overlay], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return tuple(yaml.safe_load_all(done.stdout))


def of_kind(overlay: str, kind: str) -> dict[str, Manifest]:
    """By name."""
    return {m["metadata"]["name"]: m for m in built(overlay) if m["kind"] == kind}


def pod(deployment: Manifest) -> Manifest:
    spec: Manifest = deployment["spec"]["template"]["spec"]
    return spec


def container(deployment: Manifest) -> Manifest:
    (only,) = pod(deployment)["containers"]
    return dict(only)


def environment(overlay: str, deployment: Manifest) -> dict[str, str]:
    """Variables of a container; those of the Secret are those of its template."""
    variables = {entry["name"]: entry["value"] for entry in container(deployment).get("env", [])}
    for source in container(deployment).get("envFrom", []):
        if "secretRef" in source:
            assert source["secretRef"]["name"] == secret()["metadata"]["name"]
            variables |= secret()["stringData"]
        else:
            variables |= of_kind(overlay, "ConfigMap")[source["configMapRef"]["name"]]["data"]
    return variables


def secret() -> Manifest:
    template: Manifest = yaml.safe_load((KUBERNETES / "secret.example.yaml").read_text())
    return template


def mebibytes(quantity: str) -> float:
    return float(re.fullmatch(r"(\d+)Mi", quantity)[1])  # type: ignore[index]


def files() -> list[Path]:
    return sorted(KUBERNETES.rglob("*.yaml"))


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_manifests_match_the_schemas_of_kubernetes(overlay: str) -> None:
    for manifest in built(overlay):
        kubernetes_validate.validate(manifest, VERSION, strict=True)


def test_template_of_the_secret_is_valid_and_holds_no_secret() -> None:
    kubernetes_validate.validate(secret(), VERSION, strict=True)
    assert set(secret()["stringData"].values()) == {""}
    kinds = {manifest["kind"] for overlay in OVERLAYS for manifest in built(overlay)}
    assert "Secret" not in kinds


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_app_has_a_deployment_of_its_image_on_its_port(overlay: str) -> None:
    deployments = of_kind(overlay, "Deployment")
    (exposed,) = set(re.findall(r"^EXPOSE (8000)$", DOCKERFILE, re.M))
    for app in APPS:
        assert container(deployments[app])["image"] == f"better-{app}"
        assert (
            f"\nFROM packages AS {app}\n" in DOCKERFILE or f"\nFROM torch AS {app}\n" in DOCKERFILE
        )
        (port,) = container(deployments[app])["ports"]
        assert port == {"name": "http", "containerPort": int(exposed)}
        service = of_kind(overlay, "Service")[app]["spec"]
        assert service["ports"] == [{"name": "http", "port": 8000, "targetPort": "http"}]
        assert service["selector"] == deployments[app]["spec"]["selector"]["matchLabels"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_variable_is_a_setting(overlay: str) -> None:
    settings = {name.upper() for kind in SETTINGS for name in kind.model_fields}
    for name, deployment in of_kind(overlay, "Deployment").items():
        variables = environment(overlay, deployment)
        assert set(variables) <= settings | {"FORWARDED_ALLOW_IPS"}, name


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_gateway_and_workers_find_the_services(overlay: str) -> None:
    services = of_kind(overlay, "Service")
    for name, deployment in of_kind(overlay, "Deployment").items():
        if name in ("gateway", "worker"):
            variables = environment(overlay, deployment)
            for service in SERVICES:
                assert variables[f"{service.upper()}_URL"] == f"http://{service}:8000"
                assert service in services


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_probes_ask_for_paths_that_the_apps_have(overlay: str) -> None:
    paths = {getattr(route, "path", "") for route in encoder_app.build_app().routes}
    for app in APPS:
        probed = container(of_kind(overlay, "Deployment")[app])
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert probed[probe]["httpGet"]["port"] == "http"
            assert probed[probe]["httpGet"]["path"] in paths
        assert probed["readinessProbe"]["httpGet"]["path"] == "/health/ready"
        assert probed["livenessProbe"]["httpGet"]["path"] == "/health/live"


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_pods_run_without_root_on_a_read_only_disk(overlay: str) -> None:
    (uid,) = re.findall(r"useradd --system --uid (\d+) better", DOCKERFILE)
    for name, deployment in of_kind(overlay, "Deployment").items():
        of_pod, of_container = pod(deployment)["securityContext"], container(deployment)
        assert of_pod["runAsNonRoot"] is True
        assert of_pod["runAsUser"] == int(uid), name
        assert of_container["securityContext"]["readOnlyRootFilesystem"] is True
        assert of_container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert "/tmp" in {mount["mountPath"] for mount in of_container["volumeMounts"]}
        assert pod(deployment)["enableServiceLinks"] is False  # VOCODER_PORT and the like


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_grace_period_is_longer_than_the_drain_of_the_server(overlay: str) -> None:
    config = (REPOSITORY / "gunicorn.conf.py").read_text()
    (graceful,) = re.findall(r"^graceful_timeout = (\d+)", config, re.M)
    for app in APPS:
        deployment = of_kind(overlay, "Deployment")[app]
        wait = container(deployment)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert pod(deployment)["terminationGracePeriodSeconds"] > wait + int(graceful)


def measured(app: str) -> tuple[int, int]:
    """Of the table of docs/benchmarks.md: MB of an ordinary request, and of the largest ones."""
    _, _, table = BENCHMARKS.partition("| app | at start | ordinary request | largest requests |")
    row = next(line for line in table.splitlines() if line.startswith(f"| {app} |"))
    cells = row.split("|")
    largest = max(int(number) for number in re.findall(r"\b(\d{3})(?=[ :])", cells[4]))
    return int(cells[3]), largest


@pytest.mark.parametrize(
    ("overlay", "app", "row"),
    [
        ("base", "encoder", "encoder (bundled is full-size)"),
        ("base", "synthesizer", "synthesizer, bundled"),
        ("base", "vocoder", "vocoder (Vocos), bundled"),
        ("base", "gateway", "gateway"),
        ("overlays/full-size", "synthesizer", "synthesizer, full-size"),
        ("overlays/full-size", "vocoder", "vocoder (WaveRNN), full-size"),
    ],
)
def test_memory_covers_the_measured_peaks(overlay: str, app: str, row: str) -> None:
    ordinary, largest = measured(row)
    resources = container(of_kind(overlay, "Deployment")[app])["resources"]
    mib = 1.048576  # MB
    assert mebibytes(resources["requests"]["memory"]) * mib >= ordinary
    assert mebibytes(resources["limits"]["memory"]) * mib >= largest
    assert resources["requests"]["cpu"]


def allowed_callers(overlay: str, app: str) -> list[Manifest]:
    """Peers of the policies that select an app and allow something in."""
    peers: list[Manifest] = []
    for policy in of_kind(overlay, "NetworkPolicy").values():
        spec = policy["spec"]
        if "Ingress" in spec["policyTypes"] and selects(spec["podSelector"], app):
            for rule in spec.get("ingress", []):
                assert rule["ports"] == [{"port": "http"}]
                peers += rule["from"]
    return peers


def selects(selector: Manifest, app: str) -> bool:
    labels = selector.get("matchLabels", {})
    if labels and labels != {NAME: app}:
        return False
    return all(
        expression["key"] == NAME and expression["operator"] == "In" and app in expression["values"]
        for expression in selector.get("matchExpressions", [])
    )


@pytest.mark.parametrize("overlay", ["base", "overlays/small", "overlays/full-size"])
def test_only_gateway_and_workers_reach_the_services(overlay: str) -> None:
    deny = of_kind(overlay, "NetworkPolicy")["deny-all"]["spec"]
    assert deny == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    for service in SERVICES:
        (peer,) = allowed_callers(overlay, service)
        (expression,) = peer["podSelector"]["matchExpressions"]
        assert (expression["key"], expression["operator"]) == (NAME, "In")
        assert sorted(expression["values"]) == ["gateway", "worker"]
    (ingress,) = allowed_callers(overlay, "gateway")
    assert list(ingress) == ["namespaceSelector"]


def test_apps_of_the_base_are_scaled_spread_and_protected_from_eviction() -> None:
    for app in APPS:
        scaler = of_kind("base", "HorizontalPodAutoscaler")[app]["spec"]
        assert scaler["scaleTargetRef"]["name"] == app
        assert 2 <= scaler["minReplicas"] < scaler["maxReplicas"]
        assert [metric["resource"]["name"] for metric in scaler["metrics"]] == ["cpu"]
        deployment = of_kind("base", "Deployment")[app]
        assert "replicas" not in deployment["spec"]  # applying again would undo the autoscaler
        (spread,) = pod(deployment)["topologySpreadConstraints"]
        assert spread["topologyKey"] == "kubernetes.io/hostname"
        budget = of_kind("base", "PodDisruptionBudget")[app]["spec"]
        assert budget["selector"]["matchLabels"] == {NAME: app}
        assert budget["maxUnavailable"] == 1


def test_queue_length_is_a_metric_of_the_apps_and_cpu_stays_the_fallback() -> None:
    overlay = "overlays/queue-length"
    metrics = (REPOSITORY / "shared/http/metrics.py").read_text()
    for app in SERVICES:
        cpu, queue = of_kind(overlay, "HorizontalPodAutoscaler")[app]["spec"]["metrics"]
        assert cpu["resource"]["name"] == "cpu"
        assert f'Gauge("{queue["pods"]["metric"]["name"]}"' in metrics
        monitoring = {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}
        assert {"namespaceSelector": monitoring} in allowed_callers(overlay, app)
    (rule,) = yaml.safe_load(
        (KUBERNETES / "components/queue-length/prometheus-adapter.values.yaml").read_text()
    )["rules"]["custom"]
    assert rule["name"]["matches"] == "queue_length"


def test_small_keeps_its_data_on_a_volume_and_needs_no_server() -> None:
    deployments = of_kind("overlays/small", "Deployment")
    assert set(deployments) == set(APPS)
    assert {deployments[app]["spec"]["replicas"] for app in APPS} == {1}
    gateway = deployments["gateway"]
    assert gateway["spec"]["strategy"] == {"type": "Recreate"}
    data = {mount["mountPath"]: mount["name"] for mount in container(gateway)["volumeMounts"]}
    volumes = {volume["name"]: volume for volume in pod(gateway)["volumes"]}
    claim = volumes[data["/app/data"]]["persistentVolumeClaim"]["claimName"]
    assert claim in of_kind("overlays/small", "PersistentVolumeClaim")
    assert not of_kind("overlays/small", "HorizontalPodAutoscaler")


def test_full_size_reads_its_weights_from_the_volume() -> None:
    for app in ["synthesizer", "vocoder"]:
        deployment = of_kind("overlays/full-size", "Deployment")[app]
        variables = environment("overlays/full-size", deployment)
        mounts = {mount["mountPath"]: mount for mount in container(deployment)["volumeMounts"]}
        assert mounts[variables["CHECKPOINTS_DIR"]]["readOnly"] is True
    assert variables["VOCODER"] == "wavernn"


def test_ingress_streams_and_has_the_limits_of_the_gateway() -> None:
    ingress = of_kind("base", "Ingress")["gateway"]
    notes = {name.partition("/")[2]: v for name, v in ingress["metadata"]["annotations"].items()}
    assert notes["proxy-buffering"] == notes["proxy-request-buffering"] == "off"
    (gateway,) = [kind for kind in SETTINGS if "gateway" in kind.__module__]
    limits = gateway.model_fields
    assert notes["proxy-body-size"] == f"{limits['max_body_bytes'].default // 2**20}m"
    assert float(notes["proxy-read-timeout"]) >= limits["deadline_seconds"].default


def test_worker_runs_the_command_of_the_procfile() -> None:
    (command,) = re.findall(r"^worker: (.+)$", (REPOSITORY / "Procfile").read_text(), re.M)
    worker = container(of_kind("base", "Deployment")["worker"])
    assert worker["command"] == shlex.split(command)
    assert worker["image"] == "better-gateway"


def test_images_are_those_that_compose_builds() -> None:
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())["services"]
    for app in APPS:
        assert compose[app]["build"]["args"]["SERVICE"] == app in all_apps()
    *_, command = re.findall(r"^CMD (\[.+\])$", DOCKERFILE, re.M)
    assert "command" not in container(of_kind("base", "Deployment")["gateway"])
    assert json.loads(command)[0] == "gunicorn"


# Ray


def ray_service() -> Manifest:
    spec: Manifest = of_kind("overlays/ray", "RayService")["better"]["spec"]
    return spec


def ray_groups() -> list[Manifest]:
    """The pod templates of the head and of the workers."""
    cluster = ray_service()["rayClusterConfig"]
    groups = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    return [group["template"] for group in groups]


def test_rayservice_deploys_serve_yaml() -> None:
    config = yaml.safe_load((REPOSITORY / "deploy/ray/serve.yaml").read_text())
    assert yaml.safe_load(ray_service()["serveConfigV2"]) == config


def test_pods_of_ray_are_valid_and_run_the_image_without_root() -> None:
    (uid,) = re.findall(r"useradd --system --uid (\d+) better", DOCKERFILE)
    assert "\nFROM torch AS ray\n" in DOCKERFILE
    for template in ray_groups():
        pod_manifest = {"apiVersion": "v1", "kind": "Pod", **template}
        pod_manifest["metadata"] = {"name": "ray", **template["metadata"]}
        kubernetes_validate.validate(pod_manifest, VERSION, strict=True)
        (ray,) = template["spec"]["containers"]
        assert ray["image"] == "better-ray"
        assert template["spec"]["securityContext"]["runAsUser"] == int(uid)
        assert template["spec"]["securityContext"]["runAsNonRoot"] is True
        assert ray["securityContext"]["readOnlyRootFilesystem"] is True
        assert ray["envFrom"] == [{"secretRef": {"name": secret()["metadata"]["name"]}}]


def test_replicas_of_ray_fit_a_node_with_the_measured_memory() -> None:
    config = yaml.safe_load((REPOSITORY / "deploy/ray/serve.yaml").read_text())
    rows = {
        "encoder": "encoder (bundled is full-size)",
        "synthesizer": "synthesizer, bundled",
        "vocoder": "vocoder (Vocos), bundled",
        "gateway": "gateway",
        "worker": "gateway",
    }
    for app in config["applications"]:
        (deployment,) = app["deployments"]
        _, largest = measured(rows[app["name"]])
        assert deployment["ray_actor_options"]["memory"] >= largest * 1_000_000
        assert 0 < deployment["ray_actor_options"]["num_cpus"] < 1


def test_outsiders_reach_ray_through_the_ingress_alone() -> None:
    policy = of_kind("overlays/ray", "NetworkPolicy")["ray"]["spec"]
    own, outside = policy["ingress"]
    assert policy["podSelector"] in [peer.get("podSelector") for peer in own["from"]]
    assert outside["ports"] == [{"port": 8000}]
    of_pods = {template["metadata"]["labels"][NAME] for template in ray_groups()}
    assert set(policy["podSelector"]["matchExpressions"][0]["values"]) == of_pods


def test_every_manifest_file_is_in_an_overlay() -> None:
    listed = {KUBERNETES / "secret.example.yaml"}
    for file in KUBERNETES.rglob("kustomization.yaml"):
        parsed = yaml.safe_load(file.read_text())
        paths = [patch["path"] for patch in parsed.get("patches", []) if "path" in patch]
        listed |= {file, *((file.parent / path) for path in [*parsed.get("resources", []), *paths])}
    assert {file for file in files() if file not in listed and "values" not in file.name} == set()
