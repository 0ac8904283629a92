FROM scratch
ADD root.tar.gz /unpacked/
COPY root.tar.gz /kept/
ADD --unpack=false root.tar.gz /also-kept/
