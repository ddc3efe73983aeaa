# One image for every service of docker-compose.yml: which one it is, the command says.

FROM python:3.11-slim AS build
WORKDIR /build
RUN python -m venv /opt/venv
COPY requirements.lock .
RUN /opt/venv/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock
COPY . .
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
