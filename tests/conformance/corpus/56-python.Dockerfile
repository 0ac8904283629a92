ARG BASE=busybox:latest
FROM --platform=$BUILDPLATFORM ${BASE} AS deps
WORKDIR /src
COPY requirements.txt ./
COPY . .
RUN mkdir -p /venv/bin \
 && cp app/main.sh /venv/bin/app \
 && cp app/lib.sh /venv/bin/

FROM busybox:latest
COPY --from=deps /venv/ /opt/app/
COPY ["a b/c d.txt", "/opt/a b/"]
ENV OLD style of value
VOLUME /data
