# syntax=docker/dockerfile:1.7

FROM busybox AS builder
SHELL ["/bin/sh", "-euc"]
WORKDIR /src
COPY package.json package-lock.json ./
COPY . .
RUN --mount=target=/context \
    mkdir -p dist && cp static/index.html dist/ && echo built > dist/build.txt

FROM builder AS test
RUN sh app/test/test.sh

FROM busybox
COPY --from=builder /src/dist/ /opt/app/
USER nobody
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.licenses=MIT
