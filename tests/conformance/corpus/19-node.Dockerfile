# syntax=docker/dockerfile:1.7

ARG IMAGE=busybox
FROM $IMAGE:latest AS builder
WORKDIR /src
COPY package.json package-lock.json ./
COPY . .
RUN set -eux; \
    mkdir -p dist \
 && cp static/index.html dist/ \
 && echo built > dist/build.txt

FROM scratch
COPY --from=builder --chown=1000 /src/dist/ /opt/app/
COPY <<EOF /etc/motd
welcome to $NAME
EOF
COPY static/css static/img /srv/assets/
ENTRYPOINT ["/opt/entrypoint.sh"]
CMD ["app", "--serve"]
