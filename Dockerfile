# One service per image:  docker build --build-arg SERVICE=vocoder -t better-vocoder .
FROM python:3.11 AS native
WORKDIR /app
RUN pip install --no-cache-dir 'pybind11>=3.0,<4' 'setuptools>=77'
COPY setup.py .
COPY shared/native shared/native
COPY synthesizer_service/native synthesizer_service/native
COPY vocoder_service/native vocoder_service/native
RUN python setup.py build_ext --inplace && mkdir encoder_service gateway_service

FROM python:3.11-slim

# PyTorch's index of builds without CUDA: 200 MB instead of several GB.
ARG PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cpu

WORKDIR /app
COPY requirements.txt .
RUN PIP_EXTRA_INDEX_URL=$PIP_EXTRA_INDEX_URL pip install --no-cache-dir -r requirements.txt

# From here on the images differ; what is above, they share.
ARG SERVICE
RUN test -n "$SERVICE" || { echo "give --build-arg SERVICE=encoder|synthesizer|vocoder"; exit 1; }
COPY gunicorn.conf.py .
COPY shared shared
COPY samples samples
COPY ${SERVICE}_service ${SERVICE}_service
COPY checkpoints/${SERVICE} checkpoints/${SERVICE}
COPY --from=native /app/${SERVICE}_service/ ${SERVICE}_service/

RUN useradd --system better
USER better
ENV SERVICE=$SERVICE PORT=8000 PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s CMD python -c \
  "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PORT'] + '/health/ready')"
CMD ["gunicorn", "--config", "gunicorn.conf.py"]
