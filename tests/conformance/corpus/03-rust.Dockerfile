FROM --platform=linux/amd64 busybox:latest AS build
SHELL ["/bin/ash", "-o", "pipefail", "-c"]
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY Cargo.toml ./
COPY . .
RUN echo "$TARGETOS/$TARGETARCH" > /platform
RUN --mount=type=cache,target=/root/.cache \
    mkdir -p target/release && cp app/main.sh target/release/app

FROM busybox:latest
COPY --from=build /src/target/release/ /opt/app/
USER 65532:65532
COPY app/main.sh \
     # the library
     app/lib.sh \
     /opt/app/
VOLUME ["/data", "/var/log/app"]
