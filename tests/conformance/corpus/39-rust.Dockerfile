# syntax=docker/dockerfile:1

FROM busybox@{busybox}
WORKDIR /src
COPY Cargo.toml ./
COPY . .
RUN <<EOF
set -e
mkdir -p target/release
cp app/main.sh target/release/app
EOF
RUN <<-EOF sh -e
	echo one > /one
	echo two > /two
	EOF
ENV A=1
ENV B=$A-2 C=${NONE:-three} D=${A:+set}
EXPOSE 8080/tcp 53/udp
