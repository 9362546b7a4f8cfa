# The image of every part of the system; docker-compose.yml says what each container runs.
# Its steps are run as a script in an empty folder by tests/acceptance/test_installation.py.

# The version that the tests run on. The digest is that of 3.11.16 for every platform; a newer one is shown by
# `docker buildx imagetools inspect python:3.11-slim-bookworm`.
ARG PYTHON=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

FROM ${PYTHON} AS build
ARG PREFIX=/opt/tq
ARG STATE=/opt/state
WORKDIR /src
# The libraries are a layer of their own, which a change of ours leaves in the cache.
COPY requirements-runtime.lock requirements-build.lock ./
RUN python -m venv "$PREFIX" \
    && "$PREFIX/bin/pip" install --no-cache-dir --require-hashes -r requirements-runtime.lock
# What builds our wheel is pinned as well, and stays behind.
RUN python -m venv builder \
    && builder/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock
COPY pyproject.toml README.md LICENSE NOTICE celeryconfig.py ./
COPY workers workers
COPY producers producers
COPY tqctl tqctl
RUN builder/bin/pip wheel --no-cache-dir --no-deps --no-build-isolation --wheel-dir wheels . \
    && "$PREFIX/bin/pip" install --no-cache-dir --no-deps --no-index wheels/*.whl \
    && "$PREFIX/bin/pip" uninstall --yes --quiet setuptools pip \
    && mkdir -p "$STATE/tq" "$STATE/tq-sandbox"

FROM ${PYTHON} AS production
ARG PREFIX=/opt/tq
ARG STATE=/opt/state
COPY --from=build $PREFIX $PREFIX
# A volume takes over the owner of the folder that it is mounted on.
COPY --from=build --chown=10001:10001 $STATE /var/lib
ENV PATH=$PREFIX/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /tmp
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
CMD ["tqctl", "--help"]

# The simulated ThreatQ and LogRhythm, for the profile `sandbox` alone.
FROM production AS sandbox
COPY sandbox /opt/sandbox/sandbox
ENV PYTHONPATH=/opt/sandbox

# Without a target, what is built is the image without them.
FROM production
