FROM scratch
COPY --link app /a/b/
COPY --link --chown=5:5 VERSION /a/b/VERSION
ADD --link conf /conf/
