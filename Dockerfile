# syntax=docker/dockerfile:1
# Two images from one lock file: `orchestrator` for the roles, `custodian` for workers, without the other's libraries.
ARG PYTHON=3.13

FROM python:${PYTHON}-slim AS locked
RUN pip install --no-cache-dir 'uv>=0.9,<1'
ENV UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy UV_PYTHON_DOWNLOADS=never UV_PROJECT_ENVIRONMENT=/opt/dsar \
    UV_CACHE_DIR=/var/cache/uv
WORKDIR /src
COPY pyproject.toml uv.lock README.md LICENSE ./

FROM locked AS orchestrator-built
RUN --mount=type=cache,target=/var/cache/uv uv sync --locked --no-dev --no-install-project --extra orchestrator
COPY contracts contracts
COPY custodians custodians
COPY orchestrator orchestrator
RUN --mount=type=cache,target=/var/cache/uv uv sync --locked --no-dev --no-editable --extra orchestrator

FROM locked AS custodian-built
RUN --mount=type=cache,target=/var/cache/uv uv sync --locked --no-dev --no-install-project --extra sql --extra objects
COPY contracts contracts
COPY custodians custodians
COPY orchestrator orchestrator
RUN --mount=type=cache,target=/var/cache/uv uv sync --locked --no-dev --no-editable --extra sql --extra objects

FROM python:${PYTHON}-slim AS base
RUN groupadd --gid 10001 dsar \
 && useradd --uid 10001 --gid 10001 --home-dir /var/lib/dsar --no-create-home --shell /usr/sbin/nologin dsar \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/dsar /var/lib/dsar/blobs /var/lib/dsar/keys /var/lib/dsar/store
ENV PATH=/opt/dsar/bin:${PATH} PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/dsar
USER 10001:10001

FROM base AS custodian
COPY --from=custodian-built /opt/dsar /opt/dsar
ENTRYPOINT ["dsar-custodian"]
CMD ["run"]

FROM base AS orchestrator
COPY --from=orchestrator-built /opt/dsar /opt/dsar
ENTRYPOINT ["dsar"]
