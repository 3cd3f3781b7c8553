"""The encoder with a constant instead of a model, on Ray, to measure the proxy alone."""

from benchmarks import stub_apps
from deploy.ray.apps import application

encoder = application("encoder", stub_apps.encoder)
