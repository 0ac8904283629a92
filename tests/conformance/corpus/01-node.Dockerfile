ARG BASE_DIGEST={busybox}
FROM --platform=${BUILDPLATFORM} busybox@${BASE_DIGEST} AS builder
WORKDIR /src
COPY package.json package-lock.json ./
COPY . .
RUN set -eux; \
    mkdir -p dist \
 && cp static/index.html dist/ \
 && echo built > dist/build.txt

FROM busybox@${BASE_DIGEST} AS final
COPY --from=builder /src/dist/ /opt/app/
EXPOSE 8080/tcp 53/udp
ARG GIT_SHA=unknown
LABEL revision=$GIT_SHA
HEALTHCHECK --start-period=5s CMD ["/opt/health.sh"]
