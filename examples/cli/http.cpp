// SPDX-License-Identifier: MIT
#include "http.hpp"

#include <httplib.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <random>

namespace {

#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)  // Debian's has it; vcpkg's only with the feature openssl
constexpr bool has_tls = true;
#else
constexpr bool has_tls = false;
#endif

constexpr int longest_wait = 10;  // seconds, as Pivotal's

Answer cannot_connect(const Target& target) {
    Answer answer;
    answer.problem =
        "cannot connect to " + printable(target.host) + ": is the handler running there, and is the host's name right?";
    return answer;
}

Answer no_whole_answer(const Target& target) {
    Answer answer;
    answer.problem =
        "the connection was closed before there was a whole answer, or there was none within 10 s, which is as long "
        "as Pivotal waits" +
        std::string(target.tls ? "" : " (does this port speak https:// alone?)");
    return answer;
}

#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)
// What OpenSSL says of the server's certificate: in the client, or from cpp-httplib 0.41 on in the result.
template <class Client>
auto certificate_error(const Client& client, const httplib::Result&, int)
    -> decltype(client.get_openssl_verify_result()) {
    return client.get_openssl_verify_result();
}
template <class Client, class Result> auto certificate_error(const Client&, const Result& result, long) {
    return static_cast<long>(result.ssl_backend_error());
}

// Newer ones have an error of its own for a certificate of another host.
template <class Error> constexpr auto other_host(int) -> decltype(Error::SSLServerHostnameVerification) {
    return Error::SSLServerHostnameVerification;
}
template <class Error> constexpr Error other_host(long) {
    return Error::SSLServerVerification;
}
#endif

// Why there was no answer, and what to do about it.
Answer no_answer(const httplib::Result& result, const Target& target, [[maybe_unused]] const httplib::Client& client) {
    Answer answer;
    const httplib::Error error = result.error();
#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)
    if (error == httplib::Error::SSLServerVerification || error == other_host<httplib::Error>(0)) {
        const long code = certificate_error(client, result, 0);
        answer.problem =
            error != httplib::Error::SSLServerVerification || code == X509_V_OK
                ? std::string("the server's certificate is for another host: use the host name that it was made for")
                : "the server's certificate is not trusted (" + std::string(X509_verify_cert_error_string(code)) +
                      "): put the certificate of the authority that signed it, or its own, into a PEM file, and name "
                      "that in the environment variable SSL_CERT_FILE";
        return answer;
    }
#endif
    switch (error) {
        case httplib::Error::Connection:
        case httplib::Error::ConnectionTimeout:
            return cannot_connect(target);
        case httplib::Error::Read:
        case httplib::Error::Write:
            return no_whole_answer(target);
#if defined(CPPHTTPLIB_OPENSSL_SUPPORT)
        case httplib::Error::SSLConnection:
            answer.problem = "no TLS connection came about: does this port speak http:// alone?";
            break;
        case httplib::Error::SSLLoadingCerts:
            answer.problem =
                "the certificates of the authorities cannot be read: look at SSL_CERT_FILE and SSL_CERT_DIR";
            break;
#endif
        default:
            answer.problem = httplib::to_string(error);
    }
    return answer;
}

struct Socket {
    int descriptor = -1;
    Socket() = default;
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    ~Socket() { close(); }
    void close() {
        if (descriptor >= 0) ::close(std::exchange(descriptor, -1));
    }
};

bool connect(Socket& socket, const std::string& authority) {
    const std::size_t colon = authority.find(':', authority.front() == '[' ? authority.find(']') : 0);
    std::string name = authority.substr(0, colon);
    if (name.front() == '[') name = name.substr(1, name.size() - 2);
    addrinfo hints{}, *found = nullptr;
    hints.ai_socktype = SOCK_STREAM;
    const std::string port = colon == authority.npos ? "80" : authority.substr(colon + 1);
    if (::getaddrinfo(name.c_str(), port.c_str(), &hints, &found) != 0) return false;
    const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> all(found, ::freeaddrinfo);
    const timeval wait{longest_wait, 0};
    for (; found; found = found->ai_next) {
        socket.close();
        socket.descriptor = ::socket(found->ai_family, found->ai_socktype, found->ai_protocol);
        ::setsockopt(socket.descriptor, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
        ::setsockopt(socket.descriptor, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait);
        if (::connect(socket.descriptor, found->ai_addr, found->ai_addrlen) == 0) return true;
    }
    return false;
}

// The length that the head of an answer gives; 0 without one.
std::size_t body_length(const std::string& head) {
    for (std::size_t at = 0; (at = head.find("\r\n", at)) != head.npos; at += 2) {
        const std::size_t colon = std::min(head.find(':', at), head.size());
        if (is_same_name(head.substr(at + 2, colon - at - 2), "content-length"))
            return std::strtoul(head.c_str() + colon + 1, nullptr, 10);
    }
    return 0;
}

}  // namespace

Target parse_url(const std::string& url) {
    const std::size_t scheme_end = url.find("://");
    if (scheme_end == url.npos)
        throw UsageError("the URL must start with http:// or https://, as http://127.0.0.1:8787/webhooks/pivotal does");
    std::string scheme = url.substr(0, scheme_end);
    for (char& c : scheme) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    if (scheme != "http" && scheme != "https")
        throw UsageError("the URL starts with " + printable(scheme) + "://: webhooks are sent to http:// or https://");
    if (scheme == "https" && !has_tls)
        throw UsageError(
            "this pivotal-webhook cannot send to https://: it was built with a cpp-httplib without TLS (build that "
            "with CPPHTTPLIB_OPENSSL_SUPPORT), so send to the handler's http:// port");
    const std::size_t host = scheme_end + 3, path = std::min(url.find_first_of("/?#", host), url.size());
    const std::string authority = url.substr(host, path - host);
    if (authority.empty() || authority.front() == ':') throw UsageError("the URL names no host");
    if (authority.find('@') != authority.npos)
        throw UsageError("the URL holds a user or a password, which Pivotal does not send");
    const std::size_t host_end = authority.front() == '[' ? std::min(authority.find(']'), authority.size()) : 0;
    if (const std::size_t colon = authority.find(':', host_end); colon != authority.npos) {
        const std::string port = authority.substr(colon + 1);
        const bool number = !port.empty() && port.size() <= 5 && port.find_first_not_of("0123456789") == port.npos;
        if (!number || std::stoi(port) < 1 || std::stoi(port) > 65535)
            throw UsageError("the URL's port must be a number from 1 to 65535");
    }
    const std::string rest = url.substr(path, url.find('#', path) - path);
    return {scheme + "://" + authority, rest.substr(0, 1) == "/" ? rest : "/" + rest, scheme == "https"};
}

Answer post(const Target& target, const HeaderList& headers, const std::string& body) {
    const auto start = std::chrono::steady_clock::now();
    httplib::Client client(target.host);
    client.set_read_timeout(longest_wait, 0);
    httplib::Request request;
    request.method = "POST";
    request.path = target.path;
    request.body = body;
    request.headers.insert(headers.begin(), headers.end());
    const httplib::Result result = client.send(request);
    Answer answer;
    if (result) {
        answer.status = result->status;
        answer.body = result->body;
        answer.type = result->get_header_value("content-type");
    } else {
        answer = no_answer(result, target, client);
    }
    answer.time = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    return answer;
}

Answer post_as_svix(const Target& target, HeaderList headers, const std::string& body, bool wait) {
    if (target.tls) throw UsageError("the headers can be put in random order over http:// alone");
    const auto start = std::chrono::steady_clock::now();
    const std::string authority = target.host.substr(target.host.find("://") + 3);
    headers.emplace_back("user-agent", "Svix-Webhooks/1.100.0");
    std::shuffle(headers.begin(), headers.end(), std::random_device());
    std::string text = "POST " + target.path + " HTTP/1.1\r\nHost: " + authority + "\r\nAccept: */*\r\n";
    for (const auto& [name, value] : headers) text += name + ": " + value + "\r\n";
    if (!body.empty()) text += "content-length: " + std::to_string(body.size()) + "\r\n";
    text += "\r\n" + body;

    Socket socket;
    if (!connect(socket, authority)) return cannot_connect(target);
    for (std::size_t sent = 0; sent < text.size();) {
        const ssize_t size = ::send(socket.descriptor, text.data() + sent, text.size() - sent, MSG_NOSIGNAL);
        if (size <= 0) break;
        sent += static_cast<std::size_t>(size);
    }
    std::string head, rest;
    if (wait) {
        char piece[4096];
        for (ssize_t size; (size = ::recv(socket.descriptor, piece, sizeof piece, 0)) > 0;) {
            rest.append(piece, static_cast<std::size_t>(size));
            if (const std::size_t end = rest.find("\r\n\r\n"); head.empty() && end != rest.npos) {
                head = rest.substr(0, end);
                rest.erase(0, end + 4);
            }
            if (!head.empty() && rest.size() >= body_length(head)) break;
        }
    }
    Answer answer;
    constexpr std::size_t status_at = sizeof "HTTP/1.1 " - 1;
    if (head.size() > status_at)
        answer.status = std::atoi(head.c_str() + status_at), answer.body = rest;
    else
        answer = no_whole_answer(target);
    answer.time = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - start);
    return answer;
}

HeaderList end_to_end(const Delivery& delivery) {
    HeaderList kept;
    for (const auto& [name, value] : delivery.headers) {
        bool of_connection = false;
        for (const std::string_view one : {"host", "connection", "keep-alive", "content-length", "transfer-encoding",
                                           "te", "trailer", "upgrade", "expect"})
            of_connection = of_connection || is_same_name(name, one);
        if (!of_connection) kept.emplace_back(name, value);
    }
    return kept;
}
