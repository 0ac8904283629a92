FROM scratch
COPY --chown=1000:1001 app /app/
ADD --chown=7 VERSION /v/
COPY --chown=0:5 --chmod=640 conf/app.conf /etc/new/folder/app.conf
