FROM busybox AS build
SHELL ["/bin/sh", "-euc"]
WORKDIR /src
COPY Gemfile ./
COPY . .
RUN mkdir -p vendor \
 && cp Gemfile vendor/

FROM busybox:latest
COPY --from=build /src/vendor/ /opt/app/
COPY app/main.sh \
     # the library
     app/lib.sh \
     /opt/app/
USER nobody
