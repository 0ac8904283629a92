FROM busybox AS build
WORKDIR /src
COPY go.mod go.sum ./
COPY . .
RUN mkdir -p /out \
 && cp app/main.sh /out/app \
 && cp app/lib.sh /out/

FROM scratch
COPY --link app /opt/app/
LABEL org.opencontainers.image.title="app" \
      org.opencontainers.image.licenses=MIT
USER 65532:65532
