# The image of every part of the system; docker-compose.yml says what each container runs.
# Its steps are run as a script in an empty folder by tests/acceptance/test_installation.py.

# The version that the tests run on.
ARG PYTHON=3.11

FROM python:${PYTHON}-slim-bookworm AS build
ARG PREFIX=/opt/tq
ARG STATE=/opt/state
WORKDIR /src
# The libraries are a layer of their own, which a change of ours leaves in the cache.
COPY requirements-runtime.lock ./
RUN python -m venv "$PREFIX" \
    && "$PREFIX/bin/pip" install --no-cache-dir --require-hashes -r requirements-runtime.lock
COPY pyproject.toml README.md LICENSE NOTICE celeryconfig.py ./
COPY workers workers
COPY producers producers
COPY tqctl tqctl
COPY sandbox sandbox
RUN "$PREFIX/bin/pip" install --no-cache-dir --no-deps . \
    && "$PREFIX/bin/pip" uninstall --yes --quiet setuptools pip \
    && mkdir -p "$STATE/tq" "$STATE/tq-sandbox"

FROM python:${PYTHON}-slim-bookworm
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
