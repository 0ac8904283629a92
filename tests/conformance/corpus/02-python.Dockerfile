ARG BASE_DIGEST={busybox}
FROM busybox@${BASE_DIGEST}
SHELL ["/bin/sh", "-euc"]
WORKDIR /src
COPY requirements.txt ./
COPY . .
RUN mkdir -p /venv/bin \
 && cp app/main.sh /venv/bin/app \
 && cp app/lib.sh /venv/bin/
STOPSIGNAL SIGQUIT
ARG VERSION=v1.24.3
ENV SHORT=${VERSION#v} MINOR=${VERSION%.*} DASHED=${VERSION//./-}
