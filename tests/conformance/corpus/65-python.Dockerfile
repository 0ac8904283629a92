# check=skip=JSONArgsRecommended;error=false

ARG BASE_DIGEST={busybox}
FROM busybox@${BASE_DIGEST}
WORKDIR /src
COPY requirements.txt ./
COPY . .
RUN set -eux; \
    mkdir -p /venv/bin \
 && cp app/main.sh /venv/bin/app \
 && cp app/lib.sh /venv/bin/
EXPOSE 8000-8003
COPY docs/guid?.md /usr/share/doc/
