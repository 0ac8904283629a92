FROM scratch AS parent
COPY VERSION /
ONBUILD COPY conf /etc/conf/
ONBUILD ENV FROM_TRIGGER=1
FROM parent
COPY app /app/
