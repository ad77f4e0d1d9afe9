# Three targets: cpu (the default), gpu, and footage: cpu with PyAV, which carries FFmpeg and code under the GPL (docs/decisions/0021). compose.yaml builds them on the digest in deploy/images.yaml (--build-arg BASE).
# A base needs a Python 3.11 or later with venv, and apt.
ARG BASE=python:3.11.14-slim-bookworm

# Only what serves is copied, so there is no training code, and no torch, in what it builds.
FROM ${BASE} AS source
WORKDIR /src
COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY client client
COPY index index
COPY footage footage
COPY server server
RUN python3 -m venv /opt/rgbir && python3 -m venv /opt/tools \
 && /opt/tools/bin/pip install --no-cache-dir --constraint constraints.txt cyclonedx-bom

# pip goes when its work is done; sbom.json says what is left.
FROM source AS build-cpu
RUN /opt/rgbir/bin/pip install --no-cache-dir --constraint constraints.txt '.[server,milvus]' \
 && /opt/rgbir/bin/pip uninstall --yes pip setuptools \
 && /opt/tools/bin/cyclonedx-py environment /opt/rgbir/bin/python --output-file /opt/rgbir/sbom.json

FROM source AS build-footage
RUN /opt/rgbir/bin/pip install --no-cache-dir --constraint constraints.txt '.[server,milvus,footage,frigate]' \
 && /opt/rgbir/bin/pip uninstall --yes pip setuptools \
 && /opt/tools/bin/cyclonedx-py environment /opt/rgbir/bin/python --output-file /opt/rgbir/sbom.json

# The GPU wheels of ONNX Runtime and FAISS, both of CUDA 13, with NVIDIA's libraries as wheels; the driver is the host's.
# A pip before 24.1 can't read the versions that FAISS's wheel asks for.
FROM source AS build-gpu
RUN /opt/rgbir/bin/pip install --no-cache-dir --constraint constraints.txt --upgrade pip \
 && /opt/rgbir/bin/pip install --no-cache-dir --constraint constraints.txt '.[server-gpu,milvus]' \
 && /opt/rgbir/bin/pip uninstall --yes pip setuptools \
 && /opt/tools/bin/cyclonedx-py environment /opt/rgbir/bin/python --output-file /opt/rgbir/sbom.json

FROM ${BASE} AS runtime
ARG VERSION=0
LABEL org.opencontainers.image.title="rgbir" \
      org.opencontainers.image.description="Find a person seen by an infrared camera in the colour images of other cameras" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}"
RUN apt-get update && apt-get install --yes --no-install-recommends tini && rm -rf /var/lib/apt/lists/* \
 && install --directory --owner=10001 --group=10001 --mode=0700 /data /data/tmp
ENV PATH=/opt/rgbir/bin:$PATH \
    HOME=/data \
    TMPDIR=/data/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    RGBIR_GALLERY=/data/gallery \
    RGBIR_BUNDLE=/bundle \
    RGBIR_KEYS=/data/keys.json \
    RGBIR_SERVE__HOST=0.0.0.0 \
    RGBIR_SERVE__AUDIT=/data/audit.jsonl
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8077
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=5s --start-period=120s --retries=3 CMD ["rgbir", "ready", "--url", "http://127.0.0.1:8077"]
ENTRYPOINT ["/usr/bin/tini", "--", "rgbir"]
CMD ["serve"]

# Never run on a GPU yet; without one it computes on the processor.
FROM runtime AS gpu
ENV NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=build-gpu /opt/rgbir /opt/rgbir

FROM runtime AS footage
COPY --from=build-footage /opt/rgbir /opt/rgbir

FROM runtime AS cpu
COPY --from=build-cpu /opt/rgbir /opt/rgbir
