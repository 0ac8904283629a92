FROM busybox AS builder
WORKDIR /src
COPY pom.xml ./
COPY . .
RUN mkdir -p target \
 && cat pom.xml src/main.c > target/app.jar
ADD --checksum={index_checksum} {url}/static/index.html /downloads/index.html

FROM builder AS test
RUN sh app/test/test.sh

FROM busybox
COPY --from=builder /src/target/ /opt/app/
COPY docs/guid?.md /usr/share/doc/
ENV GREETING="hello world" NAME=app\ one
HEALTHCHECK --start-period=5s CMD ["/opt/health.sh"]
