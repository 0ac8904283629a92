# syntax=docker/dockerfile:1.7

FROM busybox:latest
WORKDIR /src
COPY pom.xml ./
COPY . .
RUN --mount=target=/context \
    mkdir -p target && cat pom.xml src/main.c > target/app.jar
ADD --checksum={index_checksum} {url}/static/index.html /downloads/index.html
COPY app/main.sh \
     # the library
     app/lib.sh \
     /opt/app/
USER nobody
