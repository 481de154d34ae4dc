# Two images from one build: `rescind`, the service, and `alipayplus-sim`, which plays Alipay+ and a wallet core around it.
#
# A builder or runtime image that has the packages already needs no network here; one that has the crates in its CARGO_HOME and
# CARGO_NET_OFFLINE=true set needs none to build either.
ARG BUILDER_IMAGE=rust:1.95-slim-bookworm
ARG RUNTIME_IMAGE=debian:bookworm-slim

FROM ${BUILDER_IMAGE} AS toolchain
RUN [ -e /usr/include/postgresql/libpq-fe.h ] || { \
        apt-get update \
        && apt-get install -y --no-install-recommends gcc libc6-dev libpq-dev \
        && rm -rf /var/lib/apt/lists/*; \
    }
WORKDIR /build

# The manifests, and sources with nothing in them: what the libraries are built from changes only when these do.
FROM toolchain AS manifests
COPY Cargo.toml Cargo.lock ./
COPY crates crates
RUN find crates -type f ! -name Cargo.toml ! -path '*/benches/*' -delete \
    && find crates -path '*/benches/*' -type f -exec truncate -s 0 {} + \
    && for crate in crates/*; do \
        mkdir -p "$crate/src" && : >"$crate/src/lib.rs" && echo 'fn main() {}' >"$crate/src/main.rs"; \
    done

FROM toolchain AS builder
COPY --from=manifests /build ./
RUN cargo build --release --locked -p app -p simulator
COPY migrations migrations
COPY crates crates
# A file of ours may be older than what was built of its empty namesake.
RUN find crates -name '*.rs' -exec touch {} + \
    && cargo build --release --locked -p app -p simulator \
    && mkdir bin && mv target/release/rescind target/release/alipayplus-sim bin/
# So that what earlier builds left behind is found and removed: docker image prune --filter label=rescind.stage
LABEL rescind.stage=builder

FROM ${RUNTIME_IMAGE} AS runtime
RUN ls /usr/lib/*/libpq.so.5 /etc/ssl/certs/ca-certificates.crt >/dev/null 2>&1 || { \
        apt-get update \
        && apt-get install -y --no-install-recommends ca-certificates libpq5 \
        && rm -rf /var/lib/apt/lists/*; \
    }

FROM runtime AS alipayplus-sim
RUN groupadd --system --gid 10001 alipayplus-sim \
    && useradd --system --uid 10001 --gid alipayplus-sim --home-dir /var/lib/alipayplus-sim --shell /usr/sbin/nologin alipayplus-sim \
    && install -d -o alipayplus-sim -g alipayplus-sim -m 0700 /var/lib/alipayplus-sim
COPY --from=builder /build/bin/alipayplus-sim /usr/local/bin/
USER 10001
WORKDIR /var/lib/alipayplus-sim
ENTRYPOINT ["alipayplus-sim"]

FROM runtime AS rescind
RUN groupadd --system --gid 10001 rescind \
    && useradd --system --uid 10001 --gid rescind --home-dir /var/lib/rescind --shell /usr/sbin/nologin rescind \
    && install -d -o rescind -g rescind -m 0700 /var/lib/rescind
COPY --from=builder /build/bin/rescind /usr/local/bin/
USER 10001
WORKDIR /etc/rescind
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s CMD ["rescind", "health"]
ENTRYPOINT ["rescind"]
CMD ["serve"]
