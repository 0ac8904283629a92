FROM --platform=$BUILDPLATFORM busybox AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY Cargo.toml ./
COPY . .
RUN echo "$TARGETOS/$TARGETARCH" > /platform
RUN mkdir -p target/release \
 && cp app/main.sh target/release/app

FROM busybox:latest
COPY --from=0 /src/target/release/ /opt/app/
WORKDIR /var/lib
WORKDIR app
ONBUILD COPY . /onbuild
