// uWebSockets as its echo example shows it, without compression and without TLS. It runs in one thread.
#include "App.h"

#include <cstdio>

int main() {
    struct Nothing {};
    uWS::App()
        .ws<Nothing>("/*", {
            .compression = uWS::DISABLED,
            .maxPayloadLength = 100 * 1024 * 1024,
            .idleTimeout = 16,
            .maxBackpressure = 100 * 1024 * 1024,
            .message = [](auto *socket, std::string_view message, uWS::OpCode kind) { socket->send(message, kind); },
        })
        .listen("127.0.0.1", 0, [](us_listen_socket_t *listening) {
            if (!listening) {
                std::fputs("it does not listen\n", stderr);
                std::exit(1);
            }
            int port = us_socket_local_port(0, reinterpret_cast<us_socket_t *>(listening));
            std::printf("listening on http://127.0.0.1:%d\n", port);
            std::fflush(stdout);
        })
        .run();
}
