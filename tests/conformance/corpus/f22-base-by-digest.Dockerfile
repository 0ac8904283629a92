FROM busybox@{busybox}
COPY --chown=nobody:nobody conf /etc/app/
USER nobody
