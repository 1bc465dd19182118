#!/bin/sh
# Starts the gateway with a certificate of its own, which clients can verify, and without its log, which
# would hold cookies in clear. GATEWAY_HOME is where it was unpacked, GATEWAY_DATA the only folder that is
# written to.
set -eu
umask 077
cd "$GATEWAY_DATA"

BEZANT_KEY_STORE_PASSWORD=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
export BEZANT_KEY_STORE_PASSWORD
rm -f localhost.p12 localhost.pem
keytool -genkeypair -alias gateway -keystore localhost.p12 -storetype PKCS12 \
  -storepass:env BEZANT_KEY_STORE_PASSWORD -keyalg RSA -keysize 2048 -validity 397 \
  -dname CN=localhost -ext SAN=dns:localhost,dns:gateway,ip:127.0.0.1
keytool -exportcert -rfc -alias gateway -keystore localhost.p12 \
  -storepass:env BEZANT_KEY_STORE_PASSWORD -file localhost.pem
chmod 644 localhost.pem

# Requests from the host come from the container network's own address; the compose file publishes the
# port on the host's loopback only.
cat > conf.yaml <<EOF
ip2loc: "US"
proxyRemoteSsl: ${GATEWAY_REMOTE_TLS:-true}
proxyRemoteHost: "${GATEWAY_REMOTE:-https://api.ibkr.com}"
listenPort: ${GATEWAY_PORT:-5000}
listenSsl: true
ccp: false
svcEnvironment: "v1"
authDelay: 3000
portalBaseURL: ""
sslCert: "localhost.p12"
sslPwd: "$BEZANT_KEY_STORE_PASSWORD"
serverOptions:
  blockedThreadCheckInterval: 1000000
  eventLoopPoolSize: 20
  workerPoolSize: 20
  maxWorkerExecuteTime: 100
  internalBlockingPoolSize: 20
cors:
  origin.allowed: "*"
  allowCredentials: false
ips:
  allow: [127.0.0.1, "10.*", "172.*", "192.168.*"]
  deny: [212.90.324.10]
EOF
echo '<configuration><root level="OFF"/></configuration>' > logback.xml
unset BEZANT_KEY_STORE_PASSWORD

# shellcheck disable=SC2086
exec java -server -Dvertx.disableDnsResolver=true -Djava.net.preferIPv4Stack=true \
  -Dvertx.logger-delegate-factory-class-name=io.vertx.core.logging.SLF4JLogDelegateFactory \
  ${GATEWAY_JAVA_OPTIONS:-} \
  -cp "$GATEWAY_DATA:$GATEWAY_HOME/root:$GATEWAY_HOME/dist/ibgroup.web.core.iblink.router.clientportal.gw.jar:$GATEWAY_HOME/build/lib/runtime/*" \
  ibgroup.web.core.clientportal.gw.GatewayStart --conf conf.yaml
