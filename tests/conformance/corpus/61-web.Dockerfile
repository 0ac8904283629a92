FROM --platform=${BUILDPLATFORM} busybox:latest AS builder
ARG TARGETPLATFORM
ARG BUILDPLATFORM
WORKDIR /src
COPY static/ ./static/
COPY . .
RUN echo "for $TARGETPLATFORM" > /platform
RUN set -eux; \
    find static -type f | sort > manifest.txt \
 && cp -r static /site \
 && cp manifest.txt /site/

FROM busybox:latest AS final
COPY --from=builder --link /site/ /opt/app/
ENTRYPOINT ["/opt/entrypoint.sh"]
CMD ["app", "--serve"]
WORKDIR /var/lib
WORKDIR app
