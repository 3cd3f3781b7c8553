# One app per image:  docker build --build-arg SERVICE=vocoder -t better-vocoder .
ARG SERVICE

FROM python:3.11 AS native
WORKDIR /app
RUN pip install --no-cache-dir 'pybind11>=3.0,<4' 'setuptools>=77'
COPY setup.py .
COPY shared/native shared/native
COPY synthesizer_service/tacotron/native synthesizer_service/tacotron/native
COPY vocoder_service/wavernn/native vocoder_service/wavernn/native
RUN python setup.py build_ext --inplace

FROM python:3.11-slim AS packages
WORKDIR /app
# A number, since Kubernetes checks that it is not root's.
RUN useradd --system --uid 999 better
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements.txt

FROM packages AS torch
# PyTorch's index of builds without CUDA: 200 MB instead of several GB.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu
COPY requirements-torch.txt .
RUN PIP_EXTRA_INDEX_URL=$PIP_EXTRA_INDEX_URL pip install --no-cache-dir -r requirements-torch.txt

# Files that differ between the apps.

FROM torch AS encoder
COPY checkpoints/encoder checkpoints/encoder

FROM torch AS synthesizer
COPY checkpoints/synthesizer checkpoints/synthesizer
COPY --from=native /app/synthesizer_service/ synthesizer_service/

FROM torch AS vocoder
COPY checkpoints/vocos checkpoints/vocos
COPY checkpoints/vocoder checkpoints/vocoder
COPY --from=native /app/vocoder_service/ vocoder_service/

FROM packages AS gateway
# A volume mounted here belongs to the user that the folder belongs to.
RUN mkdir data && chown better data

# docker build --target wyoming: the gateway's voices for Home Assistant (docs/home-assistant.md).
FROM packages AS wyoming
RUN pip install --no-cache-dir 'wyoming[zeroconf]>=1.10,<2'
COPY shared shared
COPY client client
COPY cli cli
COPY connectors connectors
COPY samples samples
USER better
EXPOSE 10200
CMD ["python", "-m", "cli", "wyoming", "--uri", "tcp://0.0.0.0:10200"]

# docker build --target ray: the four apps in one image, for Ray Serve (docs/deploy-cluster.md).
FROM torch AS ray
# The KubeRay operator probes with wget.
RUN apt-get update && apt-get install -y --no-install-recommends wget && rm -rf /var/lib/apt/lists/*
COPY requirements-cluster.txt .
RUN pip install --no-cache-dir --require-hashes -r requirements-cluster.txt
COPY --from=native /app/synthesizer_service/ synthesizer_service/
COPY --from=native /app/vocoder_service/ vocoder_service/
COPY shared shared
COPY client client
COPY cli cli
COPY samples samples
COPY checkpoints checkpoints
COPY encoder_service encoder_service
COPY synthesizer_service synthesizer_service
COPY vocoder_service vocoder_service
COPY gateway_service gateway_service
COPY deploy deploy
USER better
ENV HOME=/tmp PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 \
  RAY_SERVE_HTTP_PROXY_CALLBACK_IMPORT_PATH=deploy.ray.proxy:middleware \
  RAY_USAGE_STATS_ENABLED=0 RAY_worker_niceness=0 \
  RAY_SERVE_PROXY_READY_CHECK_TIMEOUT_S=60 RAY_SERVE_PROXY_HEALTH_CHECK_TIMEOUT_S=60
EXPOSE 8000

# Files of every app. A build without --build-arg SERVICE=encoder|synthesizer|vocoder|gateway ends here.
FROM ${SERVICE}
ARG SERVICE
COPY gunicorn.conf.py .
COPY shared shared
# `python -m cli`, the better command: a worker in the gateway's image, checkpoints in the others.
COPY client client
COPY cli cli
COPY samples samples
COPY ${SERVICE}_service ${SERVICE}_service

USER better
ENV SERVICE=$SERVICE PORT=8000 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD python -c \
  "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health/ready')"
CMD ["gunicorn", "--config", "gunicorn.conf.py"]
