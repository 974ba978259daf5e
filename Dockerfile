ARG GO_VERSION=1.26.8

# What goes into the image, below /out, made on the builder's platform for the target's. With `--build-context build=FOLDER` a folder that
# has the same stands in for this stage, and nothing is pulled: .ci/image does that.
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION}-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod \
    GOMODCACHE=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS
ARG TARGETARCH
ARG VERSION=dev
ARG REVISION=
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    GOMODCACHE=/go/pkg/mod GOCACHE=/root/.cache/go-build .ci/image-files "$TARGETOS/$TARGETARCH" /out "$VERSION" "$REVISION"

FROM scratch
ARG VERSION=dev
ARG REVISION=
ARG CREATED=
LABEL org.opencontainers.image.title="Beckon" \
      org.opencontainers.image.description="Texts and mails people what they would otherwise miss in a CometChat app" \
      org.opencontainers.image.source="https://github.com/beckon-relay/beckon" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED"
COPY --from=build /out/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/sbom.cdx.json /sbom.cdx.json
COPY --from=build /out/beckon /beckon
COPY --from=build --chown=65532:65532 /out/data /data
COPY rules.yaml /etc/beckon/rules.yaml
COPY templates /etc/beckon/templates
ENV BECKON_ADMIN_LISTEN=:8081 \
    BECKON_DATABASE_URL=sqlite:/data/beckon.db \
    BECKON_RULES=/etc/beckon/rules.yaml \
    BECKON_TEMPLATES=/etc/beckon/templates
# The only folder that is written to, also where SQLite puts a temporary file: the rest may be mounted read-only.
WORKDIR /data
VOLUME /data
USER 65532:65532
EXPOSE 8080 8081
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["/beckon", "healthcheck"]
ENTRYPOINT ["/beckon"]
CMD ["serve"]
