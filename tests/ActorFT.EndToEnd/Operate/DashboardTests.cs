using System.Diagnostics;
using ActorFT.EndToEnd.Pairs;
using ActorFT.Node.Tests.Support;
using Xunit;
using Xunit.Abstractions;

namespace ActorFT.EndToEnd.Operate;

/// <summary>
/// The dashboard in a real Chromium over a real pair: wide, on a phone, dark, by keyboard, as a screen reader has it; and `actorft status` while nodes
/// go one after the other. Pictures are kept when ACTORFT_SCREENSHOTS names a folder.
/// </summary>
[Collection(Collections.Pairs)]
public sealed class DashboardTests(ITestOutputHelper output)
{
    private const int Tab = 9, Enter = 13, TabSeconds = 60;

    // With ACTORFT_AGREE_MS a host is said to be quiet: then the issue's two seconds count.
    private static readonly double s_statusSeconds = Environment.GetEnvironmentVariable("ACTORFT_AGREE_MS") is { Length: > 0 } ? 2 : 20;

    [Fact]
    public void The_page_serves_wide_and_narrow_dark_and_light_keyboard_and_screen_reader_and_status_answers_whoever_is_left()
    {
        using OperatedPair pair = new(machine: Pair.DiskKeys);
        pair.MakeDisk("8M");
        pair.StartAll();
        using Browser browser = new();
        string leader = pair.WaitUntilGood();
        browser.SetScreen(1280, 900, isMobile: false);
        browser.Open(pair.Url(leader));
        browser.WaitFor("document.querySelector('#verdict').className === 'verdict Good' && document.querySelectorAll('#log li').length > 0", "the dashboard to say Good");
        Assert.InRange(browser.Picture("wide-light").Length, 20_000, 5_000_000);
        LooksRight(browser, 1280);
        IsReadAloud(browser, leader);
        browser.SetDark(true);
        browser.WaitFor("matchMedia('(prefers-color-scheme: dark)').matches", "dark mode");
        int[] background = Colour(browser, "document.body", "backgroundColor"), text = Colour(browser, "document.body", "color");
        Assert.True(background.Max() < 64 && text.Min() > 160, $"dark: {string.Join(',', background)} under {string.Join(',', text)}");
        browser.SetScreen(390, 844, isMobile: true);
        LooksRight(browser, 390);
        Assert.InRange(browser.Picture("phone-dark").Length, 20_000, 5_000_000);
        browser.SetDark(false);
        browser.SetScreen(1280, 900, isMobile: false);
        string now = FailsOverByKeyboard(pair, browser, leader);
        PartsAreTakenOutAndBroughtBackByKeyboard(pair, browser, OperatedPair.Other(now));
        Assert.All(browser.Requested, url => Assert.StartsWith(pair.Url(leader), url, StringComparison.Ordinal)); // no other host
        Assert.Empty(browser.Complaints);
        StatusAnswersWhoeverIsLeft(pair, browser, now);
    }

    private static int[] Colour(Browser browser, string element, string property) =>
        [.. ((string)browser.Evaluate($"getComputedStyle({element}).{property}")!).TrimEnd(')').Split('(')[1].Split(',').Take(3).Select(part => (int)double.Parse(part, System.Globalization.CultureInfo.InvariantCulture))];

    // Nothing is cut off or lies outside, no text is smaller than can be read, and buttons can be hit with a thumb.
    private static void LooksRight(Browser browser, int width)
    {
        Assert.InRange((int)browser.Evaluate("document.documentElement.scrollWidth")!, 1, width);
        Assert.True((bool)browser.Evaluate("[...document.querySelectorAll('.tile, .card, button')].filter(one => one.offsetParent).every(one => { const box = one.getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth + 1; })")!);
        Assert.True((double)browser.Evaluate("Math.min(...[...document.querySelectorAll('body *')].filter(one => one.offsetParent && one.textContent.trim()).map(one => parseFloat(getComputedStyle(one).fontSize)))")! >= 11);
        Assert.True((double)browser.Evaluate("Math.min(...[...document.querySelectorAll('button, input')].map(one => one.getBoundingClientRect().height))")! >= 40);
    }

    private static void IsReadAloud(Browser browser, string leader)
    {
        IReadOnlyList<(string Role, string Name)> tree = browser.Accessible();
        Assert.Contains(tree, node => node.Role == "main");
        Assert.Contains(tree, node => node is ("heading", "Machine guest"));
        Assert.Contains(tree, node => node.Role == "status");
        Assert.Contains(tree, node => node is ("region", "The pair as one computer"));
        Assert.Contains(tree, node => node == ("region", "Server " + leader));
        Assert.True(tree.Count(node => node.Role == "listitem") > 10);
        Assert.Contains(tree, node => node.Role is "image" or "img" && node.Name.StartsWith("Lag of the follower: now ", StringComparison.Ordinal));
        Assert.All(tree.Where(node => node.Role is "button" or "textbox" or "link" or "progressbar"), node => Assert.NotEmpty(node.Name));
        Assert.NotEmpty((string)browser.Evaluate("document.documentElement.lang")!);
        // State is said in words, not by colour alone.
        Assert.True((bool)browser.Evaluate("[...document.querySelectorAll('.tile')].every(tile => tile.querySelector('.state').textContent.length > 0)")!);
    }

    private static string FailsOverByKeyboard(OperatedPair pair, Browser browser, string leader)
    {
        browser.Evaluate("document.activeElement.blur(); scrollTo(0, 0)");
        browser.Press("Tab", Tab);
        Assert.Equal("To the verdict", (string)browser.Evaluate("document.activeElement.textContent")!);
        browser.Press("Enter", Enter, "\r");
        browser.WaitFor("document.activeElement.id === 'verdict'", "the skip link to lead to the verdict");
        TabTo(browser, "document.activeElement.id === 'token'");
        Assert.NotEqual("none", (string)browser.Evaluate("getComputedStyle(document.activeElement).outlineStyle")!); // where one is can be seen
        browser.Type(File.ReadAllText(pair.Token).Trim());
        browser.Press("Enter", Enter, "\r");
        browser.WaitFor("document.querySelectorAll('#actions button:enabled').length >= 6", "the actions to be offered with the token");
        browser.AnswerQuestions(yes: true);
        TabTo(browser, "document.activeElement.textContent === 'Fail over guest'");
        browser.Press("Enter", Enter, "\r");
        browser.WaitFor("document.querySelector('#outcome').textContent.includes('hands machine guest over')", "the outcome to be told");
        string other = OperatedPair.Other(leader);
        browser.WaitFor($"document.querySelector('section.card[aria-label=\"Server {other}\"] h3').textContent.includes('leads guest')", $"{other} to be shown as the leader");
        Wait.Until(() => pair.WaitUntilGood() == other, "the other server to lead", OperatedPair.BoundSeconds);
        return other;
    }

    // Each by its button; whoever pressed one stays in the component's row, where the opposite is offered next.
    private static void PartsAreTakenOutAndBroughtBackByKeyboard(OperatedPair pair, Browser browser, string follower)
    {
        foreach ((string part, string tile) in new[] { ($"disk data on {follower}", "disk data"), ($"NIC lan on {follower}", "NIC lan"), ("FT link ft1", "FT link ft1") })
        {
            Press(browser, "Isolate " + part, "");
            browser.WaitFor($"[...document.querySelectorAll('.tile')].some(tile => tile.querySelector('b').textContent === '{tile}' && tile.querySelector('.state').textContent === 'Isolated')", part + " to be shown as Isolated");
            browser.WaitFor($"document.activeElement.textContent === 'Repair {part}'", $"the focus to stay, on the repair of {part}");
            if (tile == "disk data")
            {
                browser.SetScreen(390, 844, isMobile: true);
                LooksRight(browser, 390);
                browser.Picture("phone-disk-isolated");
                browser.SetScreen(1280, 900, isMobile: false);
                LooksRight(browser, 1280);
                browser.Picture("wide-disk-isolated");
            }

            browser.Press("Enter", Enter, "\r");
            browser.WaitFor($"document.activeElement.textContent === 'Isolate {part}'", part + " to be repaired");
            if (tile != "disk data") continue;
            browser.WaitFor($"[...document.querySelectorAll('#actions button:enabled')].some(button => button.textContent === 'Scrub disk data on {follower}')", "the disk to be whole again, and its scrub to be offered");
            Press(browser, $"Scrub disk data on {follower}", $"Disk data on {follower} is scrubbed");
            browser.WaitFor("[...document.querySelectorAll('#log li')].some(line => line.dataset.kind === 'disk-scrubbed')", "the scrub's result");
        }

        pair.WaitUntilGood();
    }

    private static void Press(Browser browser, string button, string outcome)
    {
        TabTo(browser, $"document.activeElement.textContent === '{button}'");
        browser.Press("Enter", Enter, "\r");
        browser.WaitFor($"document.querySelector('#outcome').textContent.includes('{outcome}') && !document.querySelector('#outcome').textContent.endsWith('…')", $"the outcome of \"{button}\"");
    }

    private static void TabTo(Browser browser, string condition)
    {
        // Round and round: what is looked for may not be offered yet, by a pair on a busy host.
        for (long began = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(began).TotalSeconds < TabSeconds;)
        {
            if ((bool)browser.Evaluate(condition)!) return;
            browser.Press("Tab", Tab);
        }

        Assert.Fail($"By Tab alone {condition} was not reached; it is at {browser.Evaluate("document.activeElement.outerHTML")}");
    }

    private void StatusAnswersWhoeverIsLeft(OperatedPair pair, Browser browser, string leader)
    {
        Status(pair, "all nodes up", 0, "GOOD");
        pair.Kill(OperatedPair.Arbiter);
        WaitForWord(pair, leader, "rbiter");
        Status(pair, "the arbiter down", 1, "arbiter", "not heard from");
        pair.Start(OperatedPair.Arbiter);
        pair.WaitUntilGood();
        pair.Kill(OperatedPair.Other(leader));
        WaitForWord(pair, leader, "not heard from");
        Status(pair, "one server down", 1, "NOT protected", OperatedPair.Other(leader));
        browser.Open(pair.Url(leader));
        browser.WaitFor("document.querySelectorAll('.tile').length > 6", "the leader's page");
        browser.Picture("one-server-down");
        pair.Freeze(leader); // it hangs: takes connections, and answers nothing
        Wait.Until(() => pair.Status(OperatedPair.Arbiter) is { } status && status.GetProperty("health").GetString() == "Failed", "the arbiter to say Failed", OperatedPair.BoundSeconds);
        Status(pair, "one server down, the other hangs", 2, "FAILED", "not heard from");
        pair.Kill(leader);
        Status(pair, "both servers down", 2, "FAILED", "as arbiter knows it");
        pair.Kill(OperatedPair.Arbiter);
        Status(pair, "all down", 4, "");
    }

    private static void WaitForWord(OperatedPair pair, string node, string word) =>
        Wait.Until(() => pair.Status(node) is { } status && status.GetProperty("problems").EnumerateArray().Any(problem => problem.GetString()!.Contains(word, StringComparison.Ordinal)), () => $"{node} to say \"{word}\"; {pair.Describe()}", OperatedPair.BoundSeconds);

    private void Status(OperatedPair pair, string when, int code, params string[] words)
    {
        // Once before, so that a busy host's first start is not measured. The node that knows most is shown, and it may be another one than was waited
        // for, which comes to it later.
        pair.RunUntil(code, "status");
        double seconds = 0;
        (int Exit, string Text, string Errors) told = default;
        Wait.Until(() =>
        {
            long started = Stopwatch.GetTimestamp();
            told = pair.Run("status");
            seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            return told.Exit == code && words.All(word => told.Text.Contains(word, StringComparison.Ordinal));
        }, () => $"the status, {when}, to end with {code} and to say {string.Join(", ", words)}; it is {told}; {pair.Describe()}", OperatedPair.BoundSeconds, everyMs: 100);
        output.WriteLine($"status, {when}: {code}, {seconds:F2} s");
        Assert.True(seconds <= s_statusSeconds, $"{when}: {seconds:F2} s");
    }
}
