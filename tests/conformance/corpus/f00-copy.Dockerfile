FROM scratch
COPY app /app
COPY conf/*.conf VERSION /etc/app/
COPY static/css/ static/img/ /srv/
