ARG IMAGE=busybox
FROM $IMAGE:latest AS deps
WORKDIR /src
COPY scripts/ ./scripts/
COPY . .
RUN --mount=type=secret,id=token,target=/run/token,required=false \
    for f in scripts/*.sh; do sh -n "$f"; done && cp -r scripts /opt-scripts

FROM busybox:latest
COPY --from=0 /opt-scripts/ /opt/app/
COPY <<-"EOT" /etc/app/defaults.conf
	key = value
	path = $HOME
	EOT
ARG GIT_SHA=unknown
LABEL revision=$GIT_SHA
ENTRYPOINT exec app
