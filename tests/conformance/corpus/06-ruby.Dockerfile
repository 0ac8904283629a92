FROM --platform=$TARGETPLATFORM busybox AS build
ARG TARGETOS TARGETARCH
WORKDIR /src
COPY Gemfile ./
COPY . .
RUN echo "$TARGETOS/$TARGETARCH" > /platform
RUN mkdir -p vendor \
 && cp Gemfile vendor/

FROM scratch
COPY --from=build --chown=65532:65532 /src/vendor/ /opt/app/
COPY ["a b/c d.txt", "/opt/a b/"]
ENV OLD style of value
