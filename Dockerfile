# The images, one target a part: worker (also beat and the bridge), http, flower, sandbox. `make images` builds all of
# them; docker-compose.yml says what each container runs. tests/acceptance/containers runs them.

# The version that the tests run on. The digest is that of 3.11.16 for every platform; a newer one is shown by
# `docker buildx imagetools inspect python:3.11-slim-bookworm`.
ARG PYTHON=python:3.11-slim-bookworm@sha256:a36c24f9cbdf4fd0f52d67f0823eeac19c2028c637cecc392d97f980d4fec56b

# Every wheel of the lock, and ours. The libraries are a layer of their own, which a change of ours leaves in the cache.
FROM ${PYTHON} AS wheels
WORKDIR /src
COPY requirements-runtime.lock requirements-build.lock ./
# For a registry of your own: --secret id=pip,src=pip.conf and --secret id=ca,src=ca.pem, which no layer remembers.
RUN --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=secret,id=ca \
    python -m venv builder \
    && builder/bin/pip install --no-cache-dir --require-hashes -r requirements-build.lock \
    && builder/bin/pip wheel --no-cache-dir --require-hashes -r requirements-runtime.lock --wheel-dir wheels
COPY pyproject.toml README.md LICENSE NOTICE celeryconfig.py ./
COPY workers workers
COPY producers producers
COPY tqctl tqctl
RUN builder/bin/pip wheel --no-cache-dir --no-deps --no-index --no-build-isolation --wheel-dir wheels . \
    && mkdir -p state/tq state/tq-sandbox
COPY deploy/image/install ./

FROM ${PYTHON} AS worker
# A volume takes over the owner of the folder that it is mounted on.
COPY --from=wheels --chown=10001:10001 /src/state /var/lib
RUN --mount=type=bind,from=wheels,source=/src,target=/src /src/install "tq-workers[encryption,backup]"
ENV PATH=/opt/tq/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp
WORKDIR /tmp
# A number, so that an orchestrator can see that it is not root.
USER 10001:10001
CMD ["tqctl", "--help"]

FROM worker AS http
USER 0:0
RUN --mount=type=bind,from=wheels,source=/src,target=/src /src/install "tq-workers[http]"
USER 10001:10001

FROM worker AS flower
USER 0:0
RUN --mount=type=bind,from=wheels,source=/src,target=/src /src/install "tq-workers[flower]"
USER 10001:10001

# The simulated ThreatQ and LogRhythm, for the profile `sandbox` alone; they need the same libraries.
FROM http AS sandbox
COPY sandbox /opt/sandbox/sandbox
ENV PYTHONPATH=/opt/sandbox

# Without a target, what is built is the image of the workers.
FROM worker
