# syntax=docker/dockerfile:1
# The product: one image for every process; docker-compose.yml says which one a container runs.
# Locked dependencies by hash only, no root, nothing that needs a writable root file system.

# The OPA that checks policies when they are submitted; the version of devstack/settings.py.
FROM openpolicyagent/opa:1.22.2-static AS opa

FROM python:3.11-slim AS dependencies
COPY requirements/runtime.txt /tmp/runtime.txt
RUN python -m venv /opt/venv \
 && /opt/venv/bin/pip install --no-cache-dir --no-deps --only-binary :all: --require-hashes -r /tmp/runtime.txt

FROM python:3.11-slim
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/app \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
# OPA's image runs as 1000:1000, too: the folder below gives its volume that owner.
RUN groupadd --gid 1000 governance \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin governance \
 && install --directory --owner=1000 --group=1000 /var/lib/opa
COPY --from=opa /opa /usr/local/bin/opa
COPY --from=dependencies /opt/venv /opt/venv
WORKDIR /app
COPY . .
RUN python -m compileall -q /app
USER 1000:1000
CMD ["python", "-m", "client.cli", "--help"]
