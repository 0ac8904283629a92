# syntax=docker/dockerfile:1

FROM --platform=$BUILDPLATFORM busybox AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY Cargo.toml ./
COPY . .
RUN echo "$TARGETOS/$TARGETARCH" > /platform
RUN mkdir -p target/release \
 && cp app/main.sh target/release/app

FROM busybox:latest
COPY --from=build /src/target/release/ /opt/app/
ENTRYPOINT exec app
ENV A=1
ENV B=$A-2 C=${NONE:-three} D=${A:+set}
VOLUME /data
