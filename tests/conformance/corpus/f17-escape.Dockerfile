# escape=`
FROM scratch
COPY app/main.sh `
  app/lib.sh `
  C:\x/
ENV A=c:\dir B=`$x
