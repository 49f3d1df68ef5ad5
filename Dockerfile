FROM python:3.13.15-slim-trixie AS builder

ENV PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_ROOT_USER_ACTION=ignore

RUN python -m venv /opt/jasho
ENV PATH=/opt/jasho/bin:$PATH

WORKDIR /build
# Before the code, so that a change of the code alone downloads nothing.
COPY requirements.lock ./
RUN pip install --require-hashes -r requirements.lock

COPY pyproject.toml README.md ./
COPY api ./api
COPY core ./core
COPY gateway ./gateway
COPY locales ./locales
COPY menus ./menus
# Nothing that could install a package goes into the service's image.
RUN pip install --no-deps --no-build-isolation . \
    && pip uninstall --yes setuptools pip


FROM python:3.13.15-slim-trixie

# A fixed number, which Kubernetes can see is not root's and which owns the same files after every build.
RUN groupadd --gid 10001 jasho \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jasho \
    && python -m pip uninstall --yes --root-user-action=ignore pip

# Where docker compose's archive is: a new volume takes its owner from here.
RUN mkdir -m 700 /archive && chown 10001:10001 /archive

# Owned by root: the service can't change its own code.
COPY --from=builder /opt/jasho /opt/jasho

ENV PATH=/opt/jasho/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1

WORKDIR /opt/jasho
USER 10001:10001
EXPOSE 8000
CMD ["jasho", "serve", "--host", "0.0.0.0", "--no-worker"]
