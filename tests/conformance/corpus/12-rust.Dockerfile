# syntax=docker/dockerfile:1

FROM busybox AS build
WORKDIR /src
COPY Cargo.toml ./
COPY . .
RUN --mount=type=cache,target=/root/.cache \
    mkdir -p target/release && cp app/main.sh target/release/app

FROM scratch
COPY --from=build /src/target/release/ /opt/app/
ADD conf /etc/conf
