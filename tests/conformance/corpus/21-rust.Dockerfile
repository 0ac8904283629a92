# syntax=docker/dockerfile:1

FROM --platform=${BUILDPLATFORM} busybox:latest AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY Cargo.toml ./
COPY . .

FROM scratch AS final
COPY --from=build --link /src/static/ /opt/app/
USER nobody
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.licenses=MIT
