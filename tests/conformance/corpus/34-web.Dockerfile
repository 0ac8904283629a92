FROM --platform=$TARGETPLATFORM busybox AS builder
WORKDIR /src
COPY static/ ./static/
COPY . .
RUN --mount=target=/context \
    find static -type f | sort > manifest.txt && cp -r static /site && cp manifest.txt /site/

FROM builder AS test
RUN sh app/test/test.sh

FROM busybox
COPY --from=builder --chown=65532:65532 /site/ /opt/app/
ENV GREETING="hello world" NAME=app\ one
MAINTAINER someone <someone@example.org>
