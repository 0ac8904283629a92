FROM busybox:latest AS builder
WORKDIR /src
COPY package.json package-lock.json ./
COPY . .
RUN --mount=target=/context \
    mkdir -p dist && cp static/index.html dist/ && echo built > dist/build.txt

FROM busybox:latest
COPY --from=0 /src/dist/ /opt/app/
WORKDIR /var/lib
WORKDIR app
ONBUILD COPY . /onbuild
VOLUME ["/data", "/var/log/app"]
