# syntax=docker/dockerfile:1

FROM busybox AS build
WORKDIR /src
COPY Gemfile ./
COPY . .
RUN --mount=type=secret,id=token \
    mkdir -p vendor && cp Gemfile vendor/

FROM busybox:latest
COPY --from=build --chmod=0755 /src/vendor/ /opt/app/
ARG VERSION=v1.24.3
ENV SHORT=${VERSION#v} MINOR=${VERSION%.*} DASHED=${VERSION//./-}
CMD echo "$HOME" && exec app
