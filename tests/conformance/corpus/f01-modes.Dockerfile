FROM scratch
COPY --chmod=0600 VERSION /a
COPY --chmod=u+x,go=r VERSION /b
COPY --chmod=a-w conf /conf/
COPY --chmod=4755 app/main.sh /c
