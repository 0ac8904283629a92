# syntax=docker/dockerfile:1

ARG IMAGE=busybox
FROM $IMAGE:latest AS deps
WORKDIR /src
COPY requirements.txt ./
COPY . .
RUN --mount=type=tmpfs,target=/scratch \
    mkdir -p /venv/bin && cp app/main.sh /venv/bin/app && cp app/lib.sh /venv/bin/

FROM busybox:latest
COPY --from=deps /venv/ /opt/app/
COPY <<EOF /etc/motd
welcome to $NAME
EOF
ENTRYPOINT ["/opt/entrypoint.sh"]
CMD ["app", "--serve"]
WORKDIR /var/lib
WORKDIR app
VOLUME ["/data", "/var/log/app"]
