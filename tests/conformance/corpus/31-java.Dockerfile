FROM busybox:latest
WORKDIR /src
COPY pom.xml ./
COPY . .
RUN --mount=type=cache,id=pkg,target=/var/cache/pkg,sharing=locked \
    --mount=target=/context \
    mkdir -p target && cat pom.xml src/main.c > target/app.jar
COPY <<EOF /etc/motd
welcome to $NAME
EOF
COPY ["a b/c d.txt", "/opt/a b/"]
ENV OLD style of value
