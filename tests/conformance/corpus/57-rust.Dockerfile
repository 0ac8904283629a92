ARG BUSYBOX_VERSION=latest
FROM busybox:${BUSYBOX_VERSION}
WORKDIR /src
COPY Cargo.toml ./
COPY . .
RUN --mount=type=tmpfs,target=/scratch \
    mkdir -p target/release && cp app/main.sh target/release/app
COPY conf/*.conf /etc/app/
STOPSIGNAL SIGQUIT
