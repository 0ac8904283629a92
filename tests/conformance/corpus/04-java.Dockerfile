ARG BASE=busybox:latest
FROM ${BASE} AS builder
ARG TARGETPLATFORM
ARG BUILDPLATFORM
WORKDIR /src
COPY pom.xml ./
COPY . .
RUN echo "for $TARGETPLATFORM" > /platform
RUN mkdir -p target \
 && cat pom.xml src/main.c > target/app.jar

FROM builder AS test
RUN sh app/test/test.sh

FROM ${BASE}
COPY --from=builder /src/target/ /opt/app/
ENV LANG=C.UTF-8 \
    PATH=/opt/app/bin:$PATH
COPY ["a b/c d.txt", "/opt/a b/"]
