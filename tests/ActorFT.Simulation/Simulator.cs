using ActorFT.Lockstep.Protocol;
using ActorFT.Simulation.World;

namespace ActorFT.Simulation;

/// <summary>What one seed gave.</summary>
/// <param name="Seed">The seed.</param>
/// <param name="TraceHash">Covers every event and effect with its time: equal for equal histories.</param>
/// <param name="Rule">The rule that was broken, or null.</param>
/// <param name="Message">How.</param>
internal sealed record SimulationResult(ulong Seed, ulong TraceHash, string? Rule, string? Message);

/// <summary>Runs seeds.</summary>
internal static class Simulator
{
    public static SimulationResult Run(ulong seed, SortedDictionary<string, long> counts, PlantedBug bug = PlantedBug.None, Action<string>? trace = null) =>
        Run(SimOptions.Of(seed, bug), counts, trace);

    public static SimulationResult Run(SimOptions options, SortedDictionary<string, long> counts, Action<string>? trace = null)
    {
        ulong seed = options.Seed;
        var world = new SimWorld(options, counts, trace);
        try
        {
            world.Run();
            return new SimulationResult(seed, world.TraceHash, null, null);
        }
        catch (SimulationFailure failure)
        {
            return new SimulationResult(seed, world.TraceHash, failure.Rule, failure.Message);
        }
        catch (Exception exception) when (exception is not OutOfMemoryException)
        {
            return new SimulationResult(seed, world.TraceHash, "no exception", exception.ToString());
        }
    }
}
