ARG IMAGE=busybox
FROM $IMAGE:latest AS builder
WORKDIR /src
COPY static/ ./static/
COPY . .
RUN set -eux; \
    find static -type f | sort > manifest.txt \
 && cp -r static /site \
 && cp manifest.txt /site/

FROM busybox:latest
COPY --from=builder --link /site/ /opt/app/
COPY --from=busybox:latest /bin/busybox /opt/busybox
RUN cat <<EOF > /etc/issue && cat /etc/issue
issue
EOF
COPY conf/*.conf /etc/app/
STOPSIGNAL SIGQUIT
