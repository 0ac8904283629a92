FROM scratch AS base
ENV A=1 B=two
LABEL a=b
WORKDIR /w
USER 5
FROM base
ENV C=$A-$B
COPY VERSION .
FROM base AS unused
COPY missing /
FROM base AS never
FROM base AS last
COPY app ./app/
