# One image for every service of docker-compose.yml: which one it is, the command says.

FROM node:24-slim AS pages
WORKDIR /build
COPY web web
COPY api/templates api/templates
RUN cd web && npm install --no-save --ignore-scripts && npm run build

FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements.lock .
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
COPY --from=pages /build/api/static api/static
RUN /opt/venv/bin/pip install --no-cache-dir --no-deps --no-build-isolation --no-index .

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/tradefleet --create-home tradefleet
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH \
    TRADEFLEET_DATA_DIR=/var/lib/tradefleet \
    RAY_USAGE_STATS_ENABLED=0
USER tradefleet
WORKDIR /var/lib/tradefleet
CMD ["tradefleet", "--help"]
